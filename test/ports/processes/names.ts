// A shard in a thread of its own that numbers names as fast as it can, while others do the same. Started by restart.test.ts with the
// ShardSpec and the names as worker data; posts the numbers in the order of the names.
import { parentPort, workerData } from "node:worker_threads";
import { openShardPort } from "../../../pkg/datapath/shardport.ts";
import type { ShardSpec } from "../../../pkg/datapath/shardport.ts";

const { spec, names } = workerData as { spec: ShardSpec; names: string[] };
const port = openShardPort(spec);
parentPort?.postMessage(names.map((name) => port.nameId(name)));
port.close();
