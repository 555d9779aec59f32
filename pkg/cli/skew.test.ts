// Versions that fit: the same major, at most one minor apart.
import { skewNote } from "./skew.ts";

test.each([
  ["1.4.0", "1.4.9", true], ["1.4.0", "1.5.0", true], ["1.4.0", "1.3.7", true], ["1.4.0", "1.6.0", false], ["1.4.0", "2.4.0", false], ["v1.4", "1.4.1-rc.1", true],
  ["1.4.0", "development", true], ["", "1.0.0", true],
])("%s and %s: %p", (client, version, fits) => {
  expect(skewNote(client, { router: "branch", version }) === undefined).toBe(fits);
});
