using System.Buffers.Binary;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>A capture file of frames from 02:00:00:00:00:01 to 02:00:00:00:00:02, numbered behind the Ethernet header.</summary>
internal static class SmallCapture
{
    private const int HeaderSize = 24;
    private const int RecordSize = 16;
    private const int EthernetSize = 14;

    /// <summary>Writes the classic format (draft-ietf-opsawg-pcap): magic, version 2.4, zone, accuracy, snap length, Ethernet.</summary>
    /// <returns>The file's path.</returns>
    public static string Write(string folder, int frames, int length)
    {
        string path = Path.Combine(folder, "in.pcap");
        byte[] header = new byte[HeaderSize];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(4), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), 65535);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), 1);
        byte[] record = new byte[RecordSize + length];
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(8), length);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), length);
        Convert.FromHexString("020000000002" + "020000000001" + "88b5").CopyTo(record, RecordSize);
        using FileStream file = File.Create(path);
        file.Write(header);
        for (int i = 0; i < frames; i++)
        {
            record[RecordSize + EthernetSize] = (byte)i;
            file.Write(record);
        }
        return path;
    }
}
