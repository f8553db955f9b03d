import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    testTimeout: 20_000,
    // Two of them: the machines are small, and the socket tests bring their own concurrency.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/browser/**'] },
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
