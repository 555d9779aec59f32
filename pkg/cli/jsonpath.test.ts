// Templates of -o jsonpath: what kubectl's documentation shows, what is not there, and what cannot be read.
import { evaluateTemplate, parseTemplate } from "./jsonpath.ts";

const data = { kind: "List", items: [{ name: "a", sessions: 3, ready: true, "odd.name": "x" }, { name: "b", sessions: 0, tags: ["one", "two", "three"] }] };

test.each([
  ["{.kind}", "List"], ["{$.kind}", "List"], ["{kind}", "List"], ["kind is {.kind}!", "kind is List!"], ["{.items[*].name}", "a b"], ["{.items[0].name}", "a"], ["{.items[-1].name}", "b"],
  ["{.items[0:1].name}", "a"], ["{.items[1].tags[1:]}", "two three"], ["{.items[-2:-1].name}", "a"], ["{..name}", "a b"], ["{.items[*]['name','x']}", undefined],
  ["{.items[0]['odd.name']}", "x"], ["{.items[0].odd\\.name}", "x"], ['{.items[0]["odd.name"]}', "x"],
  ['{range .items[*]}{.name}{"\\t"}{.sessions}{"\\n"}{end}', "a\t3\nb\t0\n"], ["{range .items[*]}{.name}{' '}{end}", "a b "], ['{range .items[*]}{range .tags[*]}{@}{","}{end}{end}', "one,two,three,"],
  ['{.items[?(@.name=="b")].sessions}', "0"], ['{.items[?(@.name != "b")].sessions}', "3"], ["{.items[?(@.ready==true)].name}", "a"], ["{.items[?(@.tags)].name}", "b"], ["{.items[?(@.sessions==3)].name}", "a"],
  ["{.gone}", ""], ["{.items[7].name}", ""], ["{.kind[0]}", ""], ["{.items[0]}", '{"name":"a","sessions":3,"ready":true,"odd.name":"x"}'], ["{.items[1].*}", 'b 0 ["one","two","three"]'], ["{.}", JSON.stringify(data)], ["", ""],
  ["{.items[*].constructor}", ""], ["{.__proto__}", ""],
])("%s", (text, expected) => {
  const template = parseTemplate(text);
  expect(template.ok ? evaluateTemplate(template.value, data) : undefined).toBe(expected);
});

test.each([
  ["{.a", "without its partner"], ["a}", "without its partner"], ["{range .items[*]}{.name}", "a {range} without {end}"], ["{end}", "an {end} without {range}"], ["{.a[}", "cannot be read"],
  ["{.a[?(@.b==c)]}", "no text, number, true or false"], ["{.a b}", 'cannot be read from " b" on'], ['{"\\q"}', "no text"], ["x".repeat(5_000), "more than 4096 characters"],
  ["{range .a}".repeat(9), "more than 8 ranges"],
])("%s is refused", (text, why) => {
  const template = parseTemplate(text);
  expect(template.ok ? "" : template.error).toContain(why);
});
