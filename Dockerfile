# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY src/sluice/package.json src/sluice/
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM dependencies AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY routes routes
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
# From what changes least to what changes most.
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY public public
COPY --from=build /app/src/sluice/package.json src/sluice/
COPY src/sluice/operators src/sluice/operators
COPY --from=build /app/src/sluice/dist src/sluice/dist
COPY --from=build /app/dist dist
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/server.js"]
