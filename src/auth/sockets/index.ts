// `nestjs-refresh-token/sockets`: sockets that close when their session ends.
export { AuthSocketFilter } from './auth-socket.filter.js';
export type { ClosableSocket } from './closable-socket.js';
export { SocketSessions } from './socket-sessions.js';
export type { OpeningRequest } from '../common/request/message-request.js';
