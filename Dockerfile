# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETOS TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.tag=${VERSION}" -o /out/greenwatch ./cmd/greenwatch

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/greenwatch /greenwatch
USER 65532:65532
ENTRYPOINT ["/greenwatch"]
CMD ["run"]
