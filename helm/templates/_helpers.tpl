{{/* Labels that choose the pods of one part: {root, component, track}. They never change during a release's life. */}}
{{- define "cap.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .track }}
cap/track: {{ . }}
{{- end }}
{{- end }}

{{- define "cap.labels" -}}
{{ include "cap.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The image of {root, image}: by digest where there is one. */}}
{{- define "cap.image" -}}
{{- if .image.digest -}}
{{ .root.Values.image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .root.Values.image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "cap.scheme" -}}
{{ ternary "https" "http" (ne .Values.tls.secretName "") }}
{{- end }}

{{- define "cap.keysSecret" -}}
{{ .Values.secrets.name | default (printf "%s-keys" .Release.Name) }}
{{- end }}

{{- define "cap.claim" -}}
{{ .Values.persistence.existingClaim | default (printf "%s-state" .Release.Name) }}
{{- end }}

{{/* Names under which the pods are addressed: by services, the edge, and by address (probes, scrapes). */}}
{{- define "cap.hosts" -}}
{{- $hosts := list "$(POD_IP)" -}}
{{- range $name := list .Release.Name (printf "%s-canary" .Release.Name) -}}
{{- $hosts = concat $hosts (list $name (printf "%s.%s" $name $.Release.Namespace) (printf "%s.%s.svc" $name $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $name $.Release.Namespace)) -}}
{{- end -}}
{{- with .Values.ingress.host -}}{{- $hosts = append $hosts . -}}{{- end -}}
{{ join "," $hosts }}
{{- end }}
