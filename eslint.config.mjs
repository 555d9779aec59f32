// Lint rules for all TypeScript of the repository: promises are handled, switches are exhaustive, types are told.
// Style is not debated here: only rules that find faults. Layers, sizes and headers are tests in test/arch.
import tseslint from "typescript-eslint";

const faults = {
  "@typescript-eslint/no-floating-promises": "error",
  "@typescript-eslint/no-misused-promises": "error",
  "@typescript-eslint/await-thenable": "error",
  "@typescript-eslint/return-await": ["error", "in-try-catch"],
  "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
  "@typescript-eslint/no-explicit-any": "error",
  "@typescript-eslint/only-throw-error": "error",
  "@typescript-eslint/prefer-promise-reject-errors": "error",
  "@typescript-eslint/no-unsafe-return": "error",
  "@typescript-eslint/no-unsafe-assignment": "error",
  "@typescript-eslint/no-unsafe-argument": "error",
  "@typescript-eslint/no-unsafe-call": "error",
  "@typescript-eslint/no-unsafe-member-access": "error",
  "@typescript-eslint/no-for-in-array": "error",
  "@typescript-eslint/no-base-to-string": "error",
  "@typescript-eslint/restrict-plus-operands": "error",
  "@typescript-eslint/no-unnecessary-type-assertion": "error",
  "@typescript-eslint/no-unused-expressions": "error",
  "@typescript-eslint/unbound-method": "error",
  "no-empty": ["error", { allowEmptyCatch: false }],
  "no-fallthrough": "error",
  "no-self-compare": "error",
  "no-unreachable": "error",
  "no-cond-assign": "error",
  "no-var": "error",
  "prefer-const": "error",
  "eqeqeq": "error",
  "max-depth": ["error", 3],
  "max-params": ["error", 4],
};

export default tseslint.config(
  { ignores: ["node_modules/", "build/", "coverage/"] },
  {
    files: ["**/*.ts"],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "@typescript-eslint": tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: faults,
  },
  // An IPv6 address is four words and a family, on the hot path: an object for them would be the address itself.
  { files: ["pkg/base/address.ts"], rules: { "max-params": ["error", 5] } },
  { files: ["pkg/**/*.ts"], ignores: ["**/*.test.ts"], rules: { "no-console": "error" } },
  { files: ["**/*.test.ts"], rules: { "@typescript-eslint/unbound-method": "off", "@typescript-eslint/no-unsafe-argument": "off", "@typescript-eslint/no-unsafe-assignment": "off", "max-params": "off" } },
);
