namespace Softswitch.Datapath.Ports;

/// <summary>The records of <see cref="IDeviceHandover"/>: a version, then what a backend writes of itself.</summary>
internal static class DeviceRecord
{
    /// <param name="version">Of what follows: raised whenever that changes.</param>
    public static byte[] Write(byte version, Action<BinaryWriter> write)
    {
        using MemoryStream bytes = new();
        using (BinaryWriter writer = new(bytes))
        {
            writer.Write(version);
            write(writer);
        }
        return bytes.ToArray();
    }

    /// <summary>A reader behind the version; it throws <see cref="EndOfStreamException"/> where a record is too short.</summary>
    /// <exception cref="InvalidDataException">It is of another version.</exception>
    public static BinaryReader Read(ReadOnlySpan<byte> record, byte version) =>
        !record.IsEmpty && record[0] == version
            ? new BinaryReader(new MemoryStream(record[1..].ToArray()))
            : throw new InvalidDataException($"its record is of version {(record.IsEmpty ? "none" : record[0])}, and this switch knows {version}");
}
