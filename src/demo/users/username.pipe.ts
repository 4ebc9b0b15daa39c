import { Injectable, type PipeTransform } from '@nestjs/common';
import { AuthError } from 'nestjs-refresh-token';

/** Refuses names that the database cannot look up: PostgreSQL does not accept U+0000 in text. */
@Injectable()
export class UsernamePipe implements PipeTransform<string, string> {
  transform(username: string): string {
    if (username.includes('\0')) throw new AuthError('not_found', 'There is no such user.');
    return username;
  }
}
