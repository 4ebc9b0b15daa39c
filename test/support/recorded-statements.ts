import type { AfterQueryEvent, DataSource, EntitySubscriberInterface } from 'typeorm';

export interface RecordedStatement {
  sql: string;
  /** How many it has read or changed. */
  rows: number;
}

/** Records the statements that succeed of some data sources until it is stopped. */
export function recordStatements(dataSources: DataSource[]): { stop(): RecordedStatement[] } {
  const recorded: RecordedStatement[] = [];
  const subscriber: EntitySubscriberInterface = {
    afterQuery({ query, success, rawResults }: AfterQueryEvent) {
      if (!success) return;
      const { length, rowCount, affectedRows } = rawResults;
      recorded.push({ sql: String(query), rows: rowCount ?? affectedRows ?? length });
    },
  };
  for (const { subscribers } of dataSources) subscribers.push(subscriber);
  return {
    stop() {
      for (const { subscribers } of dataSources) {
        if (subscribers.includes(subscriber)) subscribers.splice(subscribers.indexOf(subscriber), 1);
      }
      return recorded;
    },
  };
}
