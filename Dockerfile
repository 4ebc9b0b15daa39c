# The demo. docs/deployment.md shows the same for an application of yours.
FROM node:20-bookworm-slim
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && mkdir -p .demo && chown node:node .demo

ENV NODE_ENV=production PORT=3000
USER node
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
  CMD ["node", "--input-type=module", "-e", "const { ok } = await fetch('http://127.0.0.1:3000/health/ready'); process.exit(ok ? 0 : 1)"]
# Node.js itself gets the signal to stop: no npm between them.
CMD ["node", "dist/demo/main.js"]
