/* Ends at once: what the rows of exec and spawn start. */
int main(void) {
  return 0;
}
