// Unit and property tests: beside the code. Other levels live in test/ and name their own folder on the command line.
export default {
  testEnvironment: "node",
  testTimeout: 30_000, // a deadline, not a wait: loading programs takes a second, five on a busy machine
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } }] },
  testMatch: ["**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/build/"],
};
