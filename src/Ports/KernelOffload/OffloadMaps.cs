namespace Softswitch.Ports.KernelOffload;

/// <summary>The descriptors of the maps that the program uses.</summary>
/// <param name="State">Memory of <see cref="OffloadLayout.StateBytes"/>.</param>
/// <param name="Devices">Hash of an interface's index to its port's place in the layout, 4 bytes each.</param>
/// <param name="Lookup">Hash of <see cref="LookupKey"/> to <see cref="LookupValue"/>.</param>
/// <param name="Entries">Chunks of <see cref="OffloadLayout.EntryBytes"/>.</param>
/// <param name="Records">Chunks of <see cref="OffloadLayout.RecordBytes"/>.</param>
internal readonly record struct OffloadMaps(int State, int Devices, int Lookup, int Entries, int Records);
