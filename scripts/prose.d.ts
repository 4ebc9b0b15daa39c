export interface Finding {
  line: number;
  message: string;
}
export function filesWithProse(): string[];
export function findings(file: string, text: string): Finding[];
