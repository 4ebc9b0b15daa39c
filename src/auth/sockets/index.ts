// `nestjs-refresh-token/sockets`: sockets and streams that close when their session ends.
export { AuthSocketFilter } from './auth-socket.filter.js';
export type { ClosableSocket } from './closable-socket.js';
export { OutlivesToken } from '../streams/outlives-token.decorator.js';
export { StreamSessions } from '../streams/stream-sessions.js';
export { SocketSessions } from './socket-sessions.js';
export type { OpeningRequest } from '../common/request/message-request.js';
