// `nestjs-refresh-token/health`: a health indicator for `@nestjs/terminus`.
export { AuthHealthModule } from './auth-health.module.js';
export { AuthHealthIndicator } from './auth-health-indicator.js';
