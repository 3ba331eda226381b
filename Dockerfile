# syntax=docker/dockerfile:1
# A static program on an empty, non-root base. RUNTIME may name a distroless static image instead.
ARG RUNTIME=scratch

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ENV GOCACHE=/cache/build GOMODCACHE=/cache/mod
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETOS TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/cache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.tag=${VERSION}" -o /out/greenwatch ./cmd/greenwatch && \
    printf 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >/out/passwd

FROM ${RUNTIME}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/passwd /etc/passwd
COPY --from=build /out/greenwatch /greenwatch
USER 65532:65532
ENTRYPOINT ["/greenwatch"]
CMD ["run"]
