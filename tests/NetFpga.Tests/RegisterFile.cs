using System.Text;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests;

/// <summary>Registers without a card: what was written is read, the rest is 0.</summary>
internal sealed class RegisterFile : IRegisterAccess
{
    private readonly Dictionary<uint, uint> _values = [];

    public string Transport => "test";

    public uint Read(uint address) => _values.GetValueOrDefault(address);

    public void Write(uint address, uint value) => _values[address] = value;

    public void Dispose()
    {
    }

    public RegisterFile Words(uint address, params uint[] words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            Write(address + (4 * (uint)i), words[i]);
        }
        return this;
    }

    /// <summary>Characters as the card keeps them, from the highest byte of each word.</summary>
    public RegisterFile Text(uint address, string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        for (int i = 0; i < bytes.Length; i++)
        {
            uint word = address + (uint)(i & ~3);
            Write(word, Read(word) | ((uint)bytes[i] << (24 - (8 * (i % 4)))));
        }
        return this;
    }
}
