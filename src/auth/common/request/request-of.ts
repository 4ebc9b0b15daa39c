import type { ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from './http-request.js';
import { MessageRequest, type OpeningRequest } from './message-request.js';

/** A client of socket.io, or of the package ws once its opening is remembered. */
interface SocketIoClient {
  readonly handshake?: { readonly auth?: unknown };
  readonly request?: OpeningRequest;
}

/** What resolvers get as their context: that of graphql-ws for subscriptions, or the host's own around a request. */
interface GraphqlContext {
  readonly req?: GraphqlContext | HttpRequest;
  readonly request?: HttpRequest;
  readonly extra?: { readonly request?: OpeningRequest; readonly socket?: object };
  readonly connectionParams?: unknown;
}

/** One for each socket or message, so that guards, decorators and handlers all see the same user in it. */
const made = new WeakMap<object, MessageRequest>();

/** What brings the access token, in whatever context; `undefined` where nothing can. */
export function requestOf(context: ExecutionContext): HttpRequest | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return context.switchToHttp().getRequest<HttpRequest>();
    case 'graphql':
      return ofGraphql(context.getArgByIndex<GraphqlContext | undefined>(2));
    case 'ws':
      return ofSocket(context.switchToWs().getClient<SocketIoClient>());
    case 'rpc':
      return ofMessage(context.switchToRpc().getContext<unknown>(), context.switchToRpc().getData());
    default:
      return undefined;
  }
}

/** The socket that a message or a subscription came through; it outlives the check of its token. */
export function socketOf(context: ExecutionContext): object | undefined {
  switch (context.getType<string>()) {
    case 'ws':
      return context.switchToWs().getClient<object>();
    case 'graphql':
      return subscriptionOf(context.getArgByIndex<GraphqlContext | undefined>(2))?.extra?.socket;
    default:
      return undefined;
  }
}

/** Keeps what a socket was opened with, where the socket itself does not. */
export function openSocket(socket: object, opening: OpeningRequest, credentials: unknown): HttpRequest {
  return remembered(socket, () => new MessageRequest(opening, credentials));
}

function ofSocket(socket: SocketIoClient): HttpRequest | undefined {
  const { handshake, request } = socket;
  if (!handshake) return made.get(socket);
  return openSocket(socket, request ?? {}, handshake.auth);
}

function ofGraphql(context: GraphqlContext | undefined): HttpRequest | undefined {
  const subscription = subscriptionOf(context);
  const socket = subscription?.extra?.socket;
  if (socket) return openSocket(socket, subscription.extra.request ?? {}, subscription.connectionParams);
  return (context?.req as HttpRequest | undefined) ?? context?.request;
}

function subscriptionOf(context: GraphqlContext | undefined): GraphqlContext | undefined {
  return [context, context?.req as GraphqlContext | undefined].find((candidate) => candidate?.extra?.socket);
}

/** Transports make a context for each message. */
function ofMessage(context: unknown, payload: unknown): HttpRequest | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  return remembered(context, () => new MessageRequest({}, payload));
}

function remembered(key: object, make: () => MessageRequest): MessageRequest {
  const request = made.get(key) ?? make();
  made.set(key, request);
  return request;
}
