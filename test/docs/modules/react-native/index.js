// `AppState` of React Native.
const listeners = new Set();
export const AppState = {
  currentState: 'active',
  addEventListener(_, listener) {
    listeners.add(listener);
    return { remove: () => listeners.delete(listener) };
  },
};

/** As when the user leaves the application, or comes back. */
export function become(state) {
  AppState.currentState = state;
  for (const listener of listeners) listener(state);
}
