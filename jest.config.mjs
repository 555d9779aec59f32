// Unit and property tests: beside the code. Other levels live in test/ and name their own folder on the command line.
export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } }] },
  testMatch: ["**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/build/"],
};
