// The text of the chart's README around its table of values. Called by scripts/generate-chart.ts.

/** readme is the whole page; `first` is its line of origin, `values` the table. */
export function readme(first: string, values: readonly string[]): string {
  return `<!-- ${first} -->
# Helm chart of OpenSVR

Installs the CRDs, the operator and its rights. Routers are no part of the release: the operator makes them from \`RouterClass\`
objects, the first of them, \`default\`, by itself.

\`\`\`text
helm install opensvr charts/opensvr --namespace opensvr --create-namespace
\`\`\`

Needs no value, no account, and no change of a node. The notes after an installation have the next three commands;
[first service in a cluster](../../docs/guide/13-kubernetes.md) goes on from there.

## Upgrade, rollback, removal

- \`helm upgrade\` brings the new CRDs too; \`helm rollback\` the old ones. Objects stay as they are. Routers keep forwarding, also new
  sessions, whatever the operator does.
- CRDs that somebody applied with kubectl before belong to no release: set \`crds.install=false\`, or let Helm take them with
  \`--take-ownership\`.
- \`helm uninstall\` leaves CRDs with all objects, and \`routers.namespace\`, and says so. What removes the rest: classes
  with their routers, \`kubectl delete routerclasses.opensvr.io --all --cascade=foreground\`, then all objects,
  \`kubectl delete crd -l app.kubernetes.io/part-of=opensvr\`. (With the CRDs alone it is left to chance whether the garbage collector
  still learns that the classes are gone.)

The rights of each account are listed, verb by verb, in [rbac.md](../../docs/reference/rbac.md).

## Values

${values.join("\n")}`.replace(/\n+$/, "\n");
}
