using System.Buffers.Binary;

namespace Softswitch.Ports.Tests.Pcap;

/// <summary>A capture file written field by field in a folder of the test's own.</summary>
internal sealed class CaptureFile : IDisposable
{
    private readonly List<byte> _bytes = [];
    private readonly bool _bigEndian;

    public CaptureFile(bool bigEndian = false, bool nanoseconds = false, uint linkType = 1)
    {
        _bigEndian = bigEndian;
        Add(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
        AddShort(2);
        AddShort(4);
        Add(0);
        Add(0);
        Add(65535);
        Add(linkType);
    }

    public string Path { get; } = System.IO.Path.Combine(Directory.CreateTempSubdirectory("softswitch-").FullName, "test.pcap");

    public int Length => _bytes.Count;

    public CaptureFile Frame(ReadOnlySpan<byte> frame, uint seconds = 0, uint fraction = 0, int? wireLength = null)
    {
        Add(seconds);
        Add(fraction);
        Add((uint)frame.Length);
        Add((uint)(wireLength ?? frame.Length));
        _bytes.AddRange(frame);
        return this;
    }

    public CaptureFile Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>Writes the file, without its last <paramref name="cut"/> bytes.</summary>
    public string Write(int cut = 0)
    {
        File.WriteAllBytes(Path, _bytes.GetRange(0, _bytes.Count - cut).ToArray());
        return Path;
    }

    public void Dispose() => Directory.Delete(System.IO.Path.GetDirectoryName(Path)!, recursive: true);

    private void Add(uint value) => _bytes.AddRange(BitConverter.GetBytes(_bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value));

    private void AddShort(ushort value) => _bytes.AddRange(BitConverter.GetBytes(_bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value));
}
