import { Injectable, type PipeTransform } from '@nestjs/common';
import { AuthError } from 'nestjs-refresh-token';

/** Lets names pass that can be asked for: PostgreSQL takes no text with U+0000. */
@Injectable()
export class UsernamePipe implements PipeTransform<string, string> {
  transform(username: string): string {
    if (username.includes('\0')) throw new AuthError('not_found', 'There is no such user.');
    return username;
  }
}
