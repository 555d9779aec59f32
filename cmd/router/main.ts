// The program: one router with what its command line says. Everything is in run.ts.
import process from "node:process";
import { runRouter } from "./run.ts";

void runRouter(process.argv.slice(2));
