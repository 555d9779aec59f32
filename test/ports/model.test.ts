// The model passes the conformance suite of the data plane.
import { runDatapathSuite } from "./datapathsuite.ts";
import { openModelWorld } from "./modelworld.ts";

runDatapathSuite("the model", openModelWorld);
