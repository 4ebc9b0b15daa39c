// `nestjs-refresh-token/openapi`: the auth routes in the document of `@nestjs/swagger`.
export { describeAuthRoutes } from './describe-auth-routes.js';
