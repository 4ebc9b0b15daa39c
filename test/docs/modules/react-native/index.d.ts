export type AppStateStatus = 'active' | 'background' | 'inactive' | 'unknown' | 'extension';
export const AppState: {
  currentState: AppStateStatus;
  addEventListener(type: 'change', listener: (state: AppStateStatus) => void): { remove(): void };
};
