// Health of a router's process over real HTTP.
import { listenProbes } from "./probes.ts";

test("alive from the start, ready when told, on a port that nobody else has", async () => {
  const probes = await listenProbes(0);
  const ask = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${probes.port}${path}`)).status;
  expect([await ask("/healthz"), await ask("/readyz"), await ask("/other")]).toEqual([200, 503, 404]);
  probes.ready(true);
  expect(await ask("/readyz")).toBe(200);
  await expect(listenProbes(probes.port)).rejects.toMatchObject({ code: "SVR_USAGE", message: expect.stringContaining("EADDRINUSE") as string });
  await probes.close();
});
