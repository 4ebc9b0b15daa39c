import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2Stream, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { endStream, isEventStream, isStreaming } from '../streams/open-response.js';
import { ShutdownConfig } from './shutdown-options.js';

/** Milliseconds between two looks at whether the server still listens. */
const INTERVAL = 100;

/**
 * Lets the connections of a server end once the application stops. Node.js closes idle connections when the server
 * closes. It keeps a busy one open, and serves on it for as long as its client sends requests.
 */
@Injectable()
export class ConnectionDrain implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger(ConnectionDrain.name);
  private readonly sockets = new Set<Socket>();
  private readonly responses = new Set<ServerResponse>();
  /** HTTP/2 only. */
  private readonly sessions = new Set<ServerHttp2Session>();
  private server: Server | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the server stopped to listen, by the monotonic clock. */
  private closedAt: number | undefined;
  private draining = false;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: ShutdownConfig,
  ) {}

  /** The server does not listen yet, so that no connection is missed. */
  onApplicationBootstrap(): void {
    this.server = serverOf(this.host);
    this.server?.on('connection', this.onConnection);
    this.server?.on('session', this.onSession);
    // Before the application, which may send the header at once.
    this.server?.prependListener('request', this.onRequest);
  }

  /** The `onModuleDestroy` hooks of modules that import this one come before. The server serves until the hooks after them. */
  onModuleDestroy(): void {
    this.draining = true;
    for (const response of this.responses) endConnectionAfter(response);
    if (this.server) this.timer = setInterval(() => this.watch(), INTERVAL).unref();
  }

  /** The server has closed. The process may use it again. */
  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.server?.off('connection', this.onConnection);
    this.server?.off('session', this.onSession);
    this.server?.off('request', this.onRequest);
  }

  private readonly onConnection = (socket: Socket): void => {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
  };

  private readonly onSession = (session: ServerHttp2Session): void => {
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
  };

  private readonly onRequest = (_request: IncomingMessage, response: ServerResponse): void => {
    if (this.draining) endConnectionAfter(response);
    this.responses.add(response);
    response.once('close', () => this.responses.delete(response));
  };

  private watch(): void {
    if (this.server!.listening) return;
    this.closedAt ??= performance.now();
    this.endEventStreams();
    // An answer that had begun before the stop could not close its connection.
    this.server!.closeIdleConnections?.();
    this.endSessions();
    if (performance.now() - this.closedAt < this.config.drainTimeout) return;
    if (this.sockets.size > 0) {
      this.logger.warn(
        `Connections that were still busy ${this.config.drainTimeout} ms after the server closed: ${this.sockets.size}. They are cut.`,
      );
    }
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }

  /**
   * The streams of a session go on, and the client opens new ones elsewhere (RFC 9113 §6.8). Node.js ends the session
   * with the last of them, unless something is still to be sent at that moment. Then nothing would end it.
   */
  private endSessions(): void {
    const busy = new Set([...this.responses].map(sessionOf));
    for (const session of this.sessions) {
      if (!session.closed) session.close();
      else if (!busy.has(session)) session.destroy();
    }
  }

  /** Their clients connect elsewhere. Events that answer a `POST` are a finite answer, as of a language model. */
  private endEventStreams(): void {
    for (const response of this.responses) {
      if (response.req.method !== 'GET' || !isStreaming(response) || !isEventStream(response)) continue;
      this.responses.delete(response);
      endStream(response);
    }
  }
}

/** `undefined` in an application without HTTP. */
function serverOf({ httpAdapter }: HttpAdapterHost): Server | undefined {
  const server = httpAdapter?.getHttpServer?.() as Partial<Server> | undefined;
  return typeof server?.prependListener === 'function' ? (server as Server) : undefined;
}

/** Of HTTP/2. A stream that has ended has none. */
function sessionOf(response: ServerResponse): object | undefined {
  return (response as { stream?: Http2Stream }).stream?.session;
}

/** HTTP/2 has no such header. Its sessions are told to end. */
function endConnectionAfter(response: ServerResponse): void {
  if (!response.headersSent && response.req.httpVersionMajor === 1) response.setHeader('Connection', 'close');
}
