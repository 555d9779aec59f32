// The X.509 library with what it needs to be loaded first. Everything that reads or writes certificates imports it from here.
import "reflect-metadata";
export * from "@peculiar/x509";
