// A router as cmd/router/main.ts runs it, which writes the keys that it exchanges to the file OPENSVR_TEST_KEYS: for tests and the demo, started
// by router.ts after logKeys. No part of the product.
import process from "node:process";
import { runRouter } from "../../cmd/router/run.ts";
import { openKeyLog } from "./keylog.ts";

const path = process.env["OPENSVR_TEST_KEYS"];
void runRouter(process.argv.slice(2), { ...(path !== undefined && { exchanged: openKeyLog(path) }) });
