import { defineConfig } from 'vitest/config'

/** Parts of the library, routes and sockets, in apps of their own: they leave nothing behind in their process. */
const PARTS = ['core', 'plugin', 'shared']
  .map((room) => `test/sluice/${room}/**`)
  .concat('test/routes/**', 'test/sockets/**')

const root = import.meta.dirname

export default defineConfig({
  resolve: {
    alias: [
      { find: /^fastify-sluice$/, replacement: `${root}/src/sluice/index.ts` },
      { find: /^fastify-sluice\/core$/, replacement: `${root}/src/sluice/core/index.ts` },
    ],
  },
  test: {
    testTimeout: 20_000,
    // Two of them: the machines are small, and the socket tests bring their own concurrency.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Loading all of it anew for each file would take as long as the tests.
        test: { name: 'parts', include: PARTS.map((part) => `${part}/*.test.ts`), isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', ...PARTS],
        },
      },
      {
        extends: true,
        // After the others: load tests beside a browser would measure the browser.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: 'test/browser/unpack.ts',
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
