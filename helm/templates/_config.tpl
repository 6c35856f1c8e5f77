{{/* capctl.toml. A JSON string or list is a TOML one; numbers lose the fraction that YAML's reader gave them. */}}
{{- define "cap.toml" -}}
{{- $v := .Values -}}
env = {{ $v.environment | toJson }}
state_dir = "/var/lib/capctl/state"
checkpoint_dir = "/var/lib/capctl/checkpoints"
release_image = {{ include "cap.image" (dict "root" . "image" $v.image) | toJson }}
{{- with $v.release.chart }}
release_chart = {{ . | toJson }}
{{- end }}
enforce_enabled = {{ $v.features.enforce_enabled }}
enforce_rollout_percent = {{ $v.features.enforce_rollout_percent }}
drift_max_ratio = {{ $v.features.drift_max_ratio }}
rate_limit_per_s = {{ $v.rateLimit.perSecond }}
rate_limit_burst = {{ int $v.rateLimit.burst }}
{{- if $v.auth.issuer }}
auth_issuer = {{ $v.auth.issuer | toJson }}
auth_audience = {{ $v.auth.audience | toJson }}
auth_jwks_url = {{ $v.auth.jwksUrl | toJson }}
auth_scope_claim = {{ $v.auth.scopeClaim | toJson }}
{{- end }}
{{- if $v.tls.secretName }}
tls_certificate = "/etc/capctl-tls/tls.crt"
tls_key = "/etc/capctl-tls/tls.key"
{{- end }}
mtls = {{ $v.mtls.mode | toJson }}
{{- if ne $v.mtls.mode "off" }}
tls_client_ca = "/etc/capctl-client-ca/ca.crt"
mtls_sans = {{ $v.mtls.allowedNames | toJson }}
{{- end }}
{{- if ne $v.secrets.provider "none" }}
key_passphrase_file = "/run/capctl/passphrase"
{{- end }}
{{- end }}
