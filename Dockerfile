# The production program in an image of its own: static, without a shell, and not root. docs/production.md says how it is run.
#
#   docker build --build-arg VERSION=1.2.3 --tag audittrail:1.2.3 .
FROM --platform=$BUILDPLATFORM golang:1.26.11-bookworm AS build
WORKDIR /src
# The production binary needs the root module only.
ENV CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/audittrail/audittrail/internal/cli.release=$VERSION" -o /out/audittrail ./cmd/audittrail \
    && mkdir -p /out/data

# Certificates of public authorities, time zones, and the user nonroot (65532); nothing else.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/audittrail /usr/local/bin/audittrail
# A volume that is mounted here for the first time belongs to the user, as this folder does.
COPY --from=build --chown=65532:65532 /out/data /var/lib/audittrail
WORKDIR /var/lib/audittrail
USER 65532:65532
ENV AUDITTRAIL_DATA_DIR=/var/lib/audittrail \
    AUDITTRAIL_LISTEN=:8080 \
    AUDITTRAIL_LOG_FORMAT=json
EXPOSE 8080
# Whether the process lives and answers, not whether all that it needs is there: a restart would not bring that back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/audittrail", "health"]
ENTRYPOINT ["/usr/local/bin/audittrail"]
CMD ["--help"]
