import { Controller, Get, UseGuards } from '@nestjs/common';
import { JwtAuthGuard } from 'nestjs-refresh-token';

/** A guarded route of the host. */
@Controller('resource')
@UseGuards(JwtAuthGuard)
export class ResourceController {
  @Get()
  resource() {
    return { secret: true };
  }
}
