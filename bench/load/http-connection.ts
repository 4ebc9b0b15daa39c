import { connect, type Socket } from 'node:net';

export interface Answer {
  status: number;
  body: string;
}

const END_OF_HEADERS = '\r\n\r\n';

/**
 * One keep-alive connection, one request at a time, and no more of HTTP/1.1 than our servers speak: every answer has a
 * `Content-Length`. The cores are shared with what is measured, so the client must cost next to nothing.
 */
export class HttpConnection {
  private received = '';
  private settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (chunk: string) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('The server closed the connection.')));
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, 'localhost');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  get(path: string, headers = ''): Promise<Answer> {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  }

  /** @param json of ASCII characters alone */
  post(path: string, json: string, headers = ''): Promise<Answer> {
    return this.send(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        `${headers}Content-Length: ${json.length}\r\n\r\n${json}`,
    );
  }

  close(): void {
    this.socket.removeAllListeners().destroy();
  }

  private send(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.settle) return reject(new Error('This connection still waits for an answer.'));
      this.settle = { resolve, reject };
      this.socket.write(request, 'latin1');
    });
  }

  private receive(chunk: string): void {
    this.received += chunk;
    const headersEnd = this.received.indexOf(END_OF_HEADERS);
    if (headersEnd < 0) return;
    const headers = this.received.slice(0, headersEnd);
    const length = /\ncontent-length: *(\d+)/i.exec(headers)?.[1];
    if (length === undefined) return this.fail(new Error(`An answer without Content-Length:\n${headers}`));

    const bodyAt = headersEnd + END_OF_HEADERS.length;
    if (this.received.length < bodyAt + Number(length)) return;
    const answer = { status: Number(headers.slice(9, 12)), body: this.received.slice(bodyAt) };
    this.received = '';
    const { settle } = this;
    this.settle = undefined;
    settle?.resolve(answer);
  }

  private fail(error: Error): void {
    this.settle?.reject(error);
    this.settle = undefined;
  }
}
