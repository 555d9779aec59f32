// The suite of KubePort and KubeStore: what every implementation does with objects of one resource. Run on the memory and on a real
// API server; resources are core ones, so that nothing needs to be installed.
import type { KubePort, KubeResource, KubeWatcher, StoreChange } from "../../pkg/ports/kube.ts";
import { waitFor } from "../support/wait.ts";

const configMaps: KubeResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const namespaces: KubeResource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

const namespace = "default";
const map = (name: string, text: string, labels?: Record<string, string>) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...(labels && { labels }) }, data: { text } });
const textOf = (object: unknown): unknown => (object as { data?: { text?: unknown } } | undefined)?.data?.text;
type Open = () => Promise<{ kube: KubePort; watcher: KubeWatcher }>;

/** runKubeSuite runs the suite on what `open` gives. */
export function runKubeSuite(title: string, open: Open): void {
  describe(`KubePort: ${title}`, () => {
    test("an object is created once, read, applied and removed", async () => {
      const { kube } = await open();
      expect(await kube.get(configMaps, { namespace, name: "one" })).toBeUndefined();
      const made = await kube.create(configMaps, map("one", "first"));
      expect([textOf(made), typeof made.metadata.uid]).toEqual(["first", "string"]);
      await expect(kube.create(configMaps, map("one", "again"))).rejects.toMatchObject({ code: "SVR_KUBE_CONFLICT" });
      const applied = await kube.apply(configMaps, map("one", "second"), { manager: "opensvr-operator", force: true });
      expect([textOf(applied), applied.metadata.uid]).toEqual(["second", made.metadata.uid]);
      expect(textOf(await kube.get(configMaps, { namespace, name: "one" }))).toBe("second");
      await kube.apply(configMaps, map("one", "third"), { manager: "opensvr-operator", force: true, dryRun: true });
      expect(textOf(await kube.get(configMaps, { namespace, name: "one" }))).toBe("second");
      await expect(kube.remove(configMaps, { namespace, name: "one" }, "00000000-0000-4000-8000-000000000000")).rejects.toMatchObject({ code: "SVR_KUBE_CONFLICT" });
      const now = await kube.get(configMaps, { namespace, name: "one" }), next = { ...now!, data: { text: "replaced" } };
      expect(textOf(await kube.replace(configMaps, next))).toBe("replaced");
      await expect(kube.replace(configMaps, { ...next, data: { text: "late" } })).rejects.toMatchObject({ code: "SVR_KUBE_CONFLICT" });
      expect(await kube.remove(configMaps, { namespace, name: "one" }, made.metadata.uid)).toBe(true);
      expect(await kube.remove(configMaps, { namespace, name: "one" })).toBe(false);
    });

    test("lists are narrowed by namespace, label and name", async () => {
      const { kube } = await open();
      for (const [name, team] of [["a", "x"], ["b", "y"], ["c", "x"]] as const) await kube.apply(configMaps, map(`list-${name}`, name, { team }), { manager: "opensvr-operator" });
      const names = async (selection: Parameters<KubePort["list"]>[1]): Promise<string[]> => (await kube.list(configMaps, selection)).map((one) => one.metadata.name).filter((name) => name.startsWith("list-"));
      expect(await names({ namespace, labelSelector: "team=x" })).toEqual(["list-a", "list-c"]);
      expect(await names({ fieldSelector: "metadata.name=list-b" })).toEqual(["list-b"]);
      expect(await names({ namespace: "elsewhere" })).toEqual([]);
    });

    storeCases(open);

    test("objects without a namespace, and paths", async () => {
      const { kube } = await open();
      await kube.apply(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "suite" } }, { manager: "opensvr-operator" });
      expect((await kube.get(namespaces, { name: "suite" }))?.metadata.name).toBe("suite");
      expect(await kube.read("/version")).toMatchObject({ gitVersion: expect.stringMatching(/^v/) as string });
    });
  });
}

function storeCases(open: Open): void {
  test("a store has what is there, hears of each change, and is frozen or unchanged by readers", async () => {
    const { kube, watcher } = await open();
    await kube.apply(configMaps, map("store-a", "1", { store: "yes" }), { manager: "opensvr-operator" });
    const store = watcher.follow(configMaps, { namespace, labelSelector: "store=yes", indexes: { text: (object) => [String(textOf(object))] } });
    await watcher.synced(AbortSignal.timeout(10_000));
    expect([store.synced(), store.size(), textOf(store.get("default/store-a"))]).toEqual([true, 1, "1"]);
    const heard: StoreChange[] = [];
    const watch = store.watch((change) => { heard.push(change); });
    await kube.apply(configMaps, map("store-a", "2", { store: "yes" }), { manager: "opensvr-operator" });
    await kube.apply(configMaps, map("store-b", "2", { store: "yes" }), { manager: "opensvr-operator" });
    await kube.remove(configMaps, { namespace, name: "store-a" });
    await waitFor("three changes", () => heard.length === 3);
    expect(heard.map(({ key, before, after }) => [key, textOf(before), textOf(after)])).toEqual([["default/store-a", "1", "2"], ["default/store-b", undefined, "2"], ["default/store-a", "2", undefined]]);
    expect(store.by("text", "2").map((one) => one.metadata.name)).toEqual(["store-b"]);
    expect([...store.list()].map((one) => one.metadata.name)).toEqual(["store-b"]);
    watch.stop();
    await kube.remove(configMaps, { namespace, name: "store-b" });
    await waitFor("an empty store", () => store.size() === 0);
    expect(heard).toHaveLength(3);
  });

  test("a store of metadata has names and labels, hears of changes, and nothing else is sent", async () => {
    const { kube, watcher } = await open();
    await kube.apply(configMaps, map("meta-a", "large", { meta: "yes" }), { manager: "opensvr-operator" });
    const store = watcher.follow(configMaps, { namespace, labelSelector: "meta=yes", metadataOnly: true, trim: (object) => ({ ...object, seen: Object.keys(object).sort() }) });
    await watcher.synced(AbortSignal.timeout(10_000));
    expect(store.get("default/meta-a")).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", metadata: { labels: { meta: "yes" } }, seen: ["apiVersion", "kind", "metadata"] });
    await kube.apply(configMaps, map("meta-b", "large", { meta: "yes" }), { manager: "opensvr-operator" });
    await waitFor("the second", () => store.size() === 2);
    expect(store.get("default/meta-b")).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", seen: ["apiVersion", "kind", "metadata"] });
    for (const name of ["meta-a", "meta-b"]) await kube.remove(configMaps, { namespace, name });
    await waitFor("an empty store", () => store.size() === 0);
  });
}
