{{/* A Deployment of verifiers: {root, name, track, image, replicas (nil: the autoscaler's)}. */}}
{{- define "cap.verifier" -}}
{{- $values := .root.Values -}}
{{- $part := dict "root" .root "component" "verifier" "track" .track -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels:
    {{- include "cap.labels" $part | nindent 4 }}
spec:
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 540
  strategy:
    {{- if $values.persistence.enabled }}
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
    {{- else }}
    type: Recreate
    {{- end }}
  selector:
    matchLabels:
      {{- include "cap.selector" $part | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "cap.labels" $part | nindent 8 }}
        cap/registry: {{ .root.Release.Name }}
      annotations:
        # Pods read their configuration once: a change must start new ones.
        cap/config: {{ include "cap.toml" .root | sha256sum }}
    spec:
      {{- include "cap.podSpec" .root | nindent 6 }}
      {{- if $values.persistence.enabled }}
      {{- include "cap.nextToTheRegistry" .root | nindent 6 }}
      {{- end }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      initContainers:
        {{- include "cap.passphraseContainer" (dict "root" .root "image" .image) | nindent 8 }}
        {{- range $number, $policy := $values.policies }}
        - name: publish-{{ $number }}
          image: {{ include "cap.image" $ }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          command: [capctl, policy, publish, {{ $policy | quote }}, --yes]
          {{- include "cap.containerSecurity" $.root | nindent 10 }}
          env:
            {{- include "cap.env" (dict "root" $.root "actor" "deployment") | nindent 12 }}
          resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {cpu: "1", memory: 256Mi}}
          volumeMounts:
            {{- include "cap.mounts" $.root | nindent 12 }}
        {{- end }}
      containers:
        - name: verifier
          image: {{ include "cap.image" . }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          command: [capctl, serve]
          args:
            - --host=0.0.0.0
            - --port=8080
            - --replica=$(POD_NAME)
            {{- if $values.features.enforce_readiness_gate }}
            - --drift-gate
            {{- end }}
          {{- include "cap.containerSecurity" . | nindent 10 }}
          env:
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - name: POD_IP
              valueFrom: {fieldRef: {fieldPath: status.podIP}}
            # Not in the file: it names the pod's own address, by which probes and scrapes come.
            - name: CAPCTL_HOSTS
              value: {{ include "cap.hosts" .root | quote }}
            {{- include "cap.env" (dict "root" .root "actor" "verifier") | nindent 12 }}
          ports:
            - {name: api, containerPort: 8080}
          startupProbe:
            {{- include "cap.probe" (dict "root" .root "path" "/healthz") | nindent 12 }}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            {{- include "cap.probe" (dict "root" .root "path" "/healthz") | nindent 12 }}
            periodSeconds: 10
            failureThreshold: 3
          readinessProbe:
            {{- include "cap.probe" (dict "root" .root "path" "/readyz") | nindent 12 }}
            periodSeconds: 5
            failureThreshold: 2
          lifecycle:
            # A verifier without connections closes its port at once; the load balancer needs a moment to notice.
            preStop: {exec: {command: [sleep, "5"]}}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            {{- include "cap.mounts" .root | nindent 12 }}
            {{- if $values.tls.secretName }}
            - {name: tls, mountPath: /etc/capctl-tls, readOnly: true}
            {{- end }}
            {{- if $values.mtls.caSecret }}
            - {name: client-ca, mountPath: /etc/capctl-client-ca, readOnly: true}
            {{- end }}
            {{- if $values.mtls.clientSecret }}
            - {name: client, mountPath: /etc/capctl-client, readOnly: true}
            {{- end }}
      volumes:
        {{- include "cap.volumes" .root | nindent 8 }}
        {{- with $values.tls.secretName }}
        - {name: tls, secret: {secretName: {{ . }}}}
        {{- end }}
        {{- with $values.mtls.caSecret }}
        - {name: client-ca, secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}}
        {{- end }}
        {{- with $values.mtls.clientSecret }}
        - {name: client, secret: {secretName: {{ . }}}}
        {{- end }}
{{- end }}
