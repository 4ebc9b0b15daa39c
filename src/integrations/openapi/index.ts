export { describeAuthRoutes } from './describe-auth-routes.js';
