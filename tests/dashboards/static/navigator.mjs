// @grafana/data asks a browser for its language as it loads.
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en', languages: ['en'] }, configurable: true });
