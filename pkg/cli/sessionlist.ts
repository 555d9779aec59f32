// `svrctl sessions list`: the live sessions of the routers, page by page, so that a million of them need little memory.
// Called by program.ts. Output is a stream: a heading, pages, an end.
import type { SessionView } from "../api/view.ts";
import { sessionListSchema } from "./answers.ts";
import { connect, finish } from "./ask.ts";
import type { Router } from "./ask.ts";
import { styleOf, yamlText } from "./context.ts";
import type { Context } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { evaluateTemplate } from "./jsonpath.ts";
import type { Template } from "./jsonpath.ts";
import { sessionColumns, sessionRow } from "./sessionrow.ts";
import { createTable } from "./table.ts";
import type { Cell } from "./table.ts";

/** SessionFilter is what the listed sessions have in common, as query of the admin API; `limit` 0 lists all. */
export interface SessionFilter {
  match: readonly (readonly [name: string, value: string])[];
  limit: number;
}

/** SessionItem is a session with the router that shows it. */
export type SessionItem = SessionView & { router: string };

const pageSize = 1_000; // behaviour 14: limit 1-1000
const heldRows = 2_000;

/** Writer turns pages into one output of a format. */
interface Writer {
  start: string;
  page(items: readonly SessionItem[]): string;
  end(more: boolean): string;
}

interface Pass { context: Context; filter: SessionFilter; writer: Writer; written: number; more: boolean; failures: Failure[] }

/** listSessions shows the sessions that pass the filter. */
export async function listSessions(context: Context, filter: SessionFilter): Promise<ExitCode> {
  const { routers, failures } = await connect(context);
  if (routers.length === 0) return finish(context, failures);
  const pass: Pass = { context, filter, writer: writerOf(context, routers.length > 1), written: 0, more: false, failures: [...failures] };
  await context.around.out.write(pass.writer.start);
  for (const router of routers) await listRouter(pass, router);
  await context.around.out.write(pass.writer.end(pass.more));
  if (pass.written === 0 && pass.failures.length === 0) await context.note("no session fits");
  if (pass.more) await context.note(`more sessions may follow the first ${filter.limit}; --limit 0 shows all`);
  return finish(context, pass.failures);
}

async function listRouter(pass: Pass, router: Router): Promise<void> {
  let cursor: string | undefined;
  while (!pass.context.around.out.isGone()) {
    const room = pass.filter.limit === 0 ? pageSize : Math.min(pageSize, pass.filter.limit - pass.written);
    if (room === 0) {
      pass.more = true; // the next router may have sessions, or has: it is not asked
      return;
    }
    const answer = await router.ask({ path: `/api/v1/routers/self/sessions?${queryOf(pass.filter, room, cursor)}`, schema: sessionListSchema, what: "the sessions" });
    if (!answer.ok) {
      pass.failures.push(answer.error);
      return;
    }
    const { items, next } = answer.value;
    pass.written += items.length;
    await pass.context.around.out.write(pass.writer.page(items.map((item) => ({ ...item, router: router.name }))));
    if (next === undefined) return;
    if (next === cursor) {
      pass.failures.push({ code: "SVR_ADMIN_ANSWER", attempted: `cannot read the sessions of router ${router.name}`, reason: "its pages do not advance", next: "look into the log of the router" });
      return;
    }
    cursor = next;
  }
}

function queryOf(filter: SessionFilter, limit: number, cursor: string | undefined): string {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const [name, value] of filter.match) query.set(name, value);
  if (cursor !== undefined) query.set("cursor", cursor);
  return query.toString();
}

function writerOf(context: Context, several: boolean): Writer {
  const { output } = context.options;
  switch (output) {
    case "json": return jsonWriter();
    case "yaml": return yamlWriter();
    case "table":
    case "wide": return tableWriter(context, several);
    case "name": return { start: "", page: (items) => items.map(({ sessionId }) => `${sessionId}\n`).join(""), end: () => "" };
    default: return templateWriter(output.template);
  }
}

/** Rows are held back until there are many, so that columns fit all rows of a list that people read. */
function tableWriter(context: Context, several: boolean): Writer {
  const style = styleOf(context.around, context.options);
  const columns = sessionColumns({ wide: style.wide, several });
  const table = createTable(columns.map((column) => column.column), style);
  let rows: Cell[][] = [];
  const flush = (): string => {
    const text = table.page(rows);
    rows = [];
    return text;
  };
  return {
    start: "",
    page(items) {
      for (const item of items) rows.push(sessionRow(columns, item));
      return rows.length < heldRows ? "" : flush();
    },
    end: flush,
  };
}

function jsonWriter(): Writer {
  let separator = "\n";
  return {
    start: '{\n  "items": [',
    page(items) {
      return items.map((item) => {
        const text = `${separator}    ${JSON.stringify(item)}`;
        separator = ",\n";
        return text;
      }).join("");
    },
    end: (more) => `${separator === "\n" ? "" : "\n  "}],\n  "more": ${more}\n}\n`,
  };
}

/** A template may ask for any item, so all are kept until the end. */
function templateWriter(template: Template): Writer {
  const kept: SessionItem[] = [];
  return {
    start: "",
    page(items) {
      kept.push(...items);
      return "";
    },
    end: (more) => evaluateTemplate(template, { items: kept, more }),
  };
}

function yamlWriter(): Writer {
  let begun = false;
  return {
    start: "",
    page(items) {
      if (items.length === 0) return "";
      const heading = begun ? "" : "items:\n";
      begun = true;
      return heading + yamlText(items);
    },
    end: (more) => `${begun ? "" : "items: []\n"}more: ${more}\n`,
  };
}
