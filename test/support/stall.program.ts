import { StallWatch } from '../../src/auth/common/time/stall-watch.js';

/** Tells the lag each time it is asked. */
const watch = new StallWatch();
watch.onModuleInit();
process.on('message', () => process.send!(watch.lag()));
process.send!('ready');
