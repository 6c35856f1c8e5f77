{{/* What every pod of the release shares: {root}. All of them stay on the node that has the registry. */}}
{{- define "cap.podSpec" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  # Always would open the private keys (0600) to the group at each start, and capctl refuses such keys.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cap.nextToTheRegistry" -}}
affinity:
  podAffinity:
    # A ReadWriteOnce volume is attached to one node; elsewhere a pod would wait for it for ever.
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: {{ .Chart.Name }}
            app.kubernetes.io/instance: {{ .Release.Name }}
            cap/registry: {{ .Release.Name }}
{{- end }}

{{- define "cap.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* {root, actor}: under which name the audit trail knows the container. */}}
{{- define "cap.env" -}}
- name: CAPCTL_CONFIG
  value: /etc/capctl/capctl.toml
- name: CAPCTL_ACTOR
  value: {{ .actor }}
{{- end }}

{{- define "cap.mounts" -}}
- {name: config, mountPath: /etc/capctl, readOnly: true}
- {name: state, mountPath: /var/lib/capctl}
- {name: tmp, mountPath: /tmp}
{{- if ne .Values.secrets.provider "none" }}
- {name: passphrase, mountPath: /run/capctl, readOnly: true}
{{- end }}
{{- end }}

{{- define "cap.volumes" -}}
- name: config
  configMap: {name: {{ .Release.Name }}-config}
- name: state
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ include "cap.claim" . }}}
  {{- else }}
  emptyDir: {sizeLimit: 1Gi}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if ne .Values.secrets.provider "none" }}
- name: keys-secret
  secret: {secretName: {{ include "cap.keysSecret" . }}, items: [{key: passphrase, path: passphrase}]}
- name: passphrase
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- end }}

{{/* A mounted Secret is readable by the group, which capctl refuses; a copy in memory is its owner's alone. {root, image} */}}
{{- define "cap.passphraseContainer" -}}
{{- if ne .root.Values.secrets.provider "none" }}
- name: passphrase
  image: {{ include "cap.image" . }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [install, -m, "0400", /run/secret/passphrase, /run/capctl/passphrase]
  {{- include "cap.containerSecurity" . | nindent 2 }}
  resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 100m, memory: 32Mi}}
  volumeMounts:
    - {name: keys-secret, mountPath: /run/secret, readOnly: true}
    - {name: passphrase, mountPath: /run/capctl}
{{- end }}
{{- end }}

{{/* One probe: {root, path, and the timing as YAML}. The kubelet has no client certificate, so where one is required the pod asks itself. */}}
{{- define "cap.probe" -}}
{{- if eq .root.Values.mtls.mode "required" }}
exec:
  command: [python, -m, engine.verifier.probe, {{ .path }}, --client, /etc/capctl-client]
{{- else }}
httpGet: {path: {{ .path }}, port: api, scheme: {{ include "cap.scheme" .root | upper }}}
{{- end }}
timeoutSeconds: 5
{{- end }}
