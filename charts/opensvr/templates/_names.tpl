{{- /* Names, labels and images; used by every template. */ -}}
{{- define "opensvr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "opensvr.fullname" -}}
{{- $name := include "opensvr.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "opensvr.account" -}}
{{- $own := ternary (printf "%s-operator" (include "opensvr.fullname" .)) "default" .Values.serviceAccount.create }}
{{- default $own .Values.serviceAccount.name }}
{{- end }}

{{- define "opensvr.routersNamespace" -}}
{{- default .Release.Namespace .Values.routers.namespace }}
{{- end }}

{{- /* with (dict "root" $ "component" NAME): what selectors use */ -}}
{{- define "opensvr.selector" -}}
app.kubernetes.io/name: {{ include "opensvr.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "opensvr.labels" -}}
{{ include "opensvr.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: opensvr
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* with (dict "root" $ "image" VALUES) */ -}}
{{- define "opensvr.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}{{ else }}{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}{{ end }}
{{- end }}
