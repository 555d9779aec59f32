// The API server in memory passes the suite of the port.
import { MemoryKube } from "../support/kube/memory.ts";
import { runKubeSuite } from "./kube.ts";

const memory = new MemoryKube();
runKubeSuite("in memory", () => Promise.resolve({ kube: memory, watcher: memory }));
