{{/* Combinations that cannot work, or that production must not run: each says what to set. */}}
{{- define "cap.checks" -}}
{{- $v := .Values -}}
{{- if not $v.persistence.enabled -}}
{{- if or $v.autoscaling.enabled $v.canary.enabled (gt (int $v.replicas) 1) -}}
{{- fail "more than one pod needs one shared registry: set persistence.enabled=true, or replicas=1 without autoscaling and canary" -}}
{{- end -}}
{{- if $v.backup.enabled -}}{{- fail "backup.enabled needs persistence.enabled=true: there is nothing to back up" -}}{{- end -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and $v.canary.enabled (not $v.ingress.enabled) -}}{{- fail "canary.enabled needs ingress.enabled=true: the ingress splits the traffic" -}}{{- end -}}
{{- if ne $v.mtls.mode "off" -}}
{{- if or (not $v.tls.secretName) (not $v.mtls.caSecret) -}}{{- fail (printf "mtls.mode=%s needs tls.secretName and mtls.caSecret" $v.mtls.mode) -}}{{- end -}}
{{- end -}}
{{- if and (eq $v.mtls.mode "required") (not $v.mtls.clientSecret) -}}{{- fail "mtls.mode=required needs mtls.clientSecret: probes must show a certificate too" -}}{{- end -}}
{{- if ne (empty $v.auth.issuer) (empty $v.auth.jwksUrl) -}}{{- fail "auth.issuer and auth.jwksUrl go together" -}}{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}{{- fail "ingress.enabled needs ingress.host" -}}{{- end -}}
{{- if and $v.ingress.enabled $v.tls.secretName (not $v.ingress.upstreamSecret) -}}{{- fail "ingress.enabled with tls.secretName needs ingress.upstreamSecret: the edge must know whose certificate the pods show" -}}{{- end -}}
{{- if and $v.backup.enabled (or (not $v.backup.recipients) (not $v.backup.claim)) -}}{{- fail "backup.enabled needs backup.recipients and backup.claim" -}}{{- end -}}
{{- if and (eq $v.secrets.provider "external") (or (not $v.secrets.external.storeName) (not $v.secrets.external.remoteKey)) -}}{{- fail "secrets.provider=external needs secrets.external.storeName and secrets.external.remoteKey" -}}{{- end -}}
{{- if and (eq $v.secrets.provider "sealed") (not $v.secrets.sealed.encryptedPassphrase) -}}{{- fail "secrets.provider=sealed needs secrets.sealed.encryptedPassphrase" -}}{{- end -}}
{{- if hasPrefix "prod" $v.environment -}}{{- include "cap.checks.production" . -}}{{- end -}}
{{- end }}

{{/* What `capctl serve` refuses in production too, said before anything is deployed; and the image by digest. */}}
{{- define "cap.checks.production" -}}
{{- $v := .Values -}}
{{- $missing := list -}}
{{- if not $v.image.digest -}}{{- $missing = append $missing "image.digest (a tag can be moved)" -}}{{- end -}}
{{- if and $v.canary.enabled (not $v.canary.image.digest) -}}{{- $missing = append $missing "canary.image.digest" -}}{{- end -}}
{{- if not $v.tls.secretName -}}{{- $missing = append $missing "tls.secretName" -}}{{- end -}}
{{- if eq $v.mtls.mode "off" -}}{{- $missing = append $missing "mtls.mode to optional or required" -}}{{- end -}}
{{- if not $v.mtls.allowedNames -}}{{- $missing = append $missing "mtls.allowedNames" -}}{{- end -}}
{{- if not $v.auth.issuer -}}{{- $missing = append $missing "auth.issuer and auth.jwksUrl" -}}{{- end -}}
{{- if eq $v.secrets.provider "none" -}}{{- $missing = append $missing "secrets.provider" -}}{{- end -}}
{{- if not $v.persistence.enabled -}}{{- $missing = append $missing "persistence.enabled=true" -}}{{- end -}}
{{- if not $v.rateLimit.perSecond -}}{{- $missing = append $missing "rateLimit.perSecond above 0" -}}{{- end -}}
{{- if and $v.backup.enabled (lt (len $v.backup.recipients) 2) -}}{{- $missing = append $missing "two backup.recipients" -}}{{- end -}}
{{- if $missing -}}{{- fail (printf "%s is production; set %s" $v.environment (join ", " $missing)) -}}{{- end -}}
{{- end }}
