// Browsers cannot import by package name. `PageController` serves the client's modules at this address.
export * from '../../client/index.js';
