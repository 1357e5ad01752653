using Softswitch.Ports.Linux.Ebpf;

namespace Softswitch.Ports.Tests.Linux.Ebpf;

/// <summary>What the kernel's verifier would not find: jumps to the wrong place.</summary>
public sealed class BpfAssemblerTests
{
    [Fact]
    public void Jumps_count_from_the_instruction_behind_them_to_the_label()
    {
        var code = new BpfAssembler();
        BpfLabel end = code.NewLabel();
        code.JumpIf(BpfRegister.R1, BpfCondition.Equal, 7, end);
        code.LoadAddress(BpfRegister.R2, map: 3, offset: 16); // two instructions
        code.Jump(end);
        code.Mark(end);
        code.Exit();
        Assert.Equal(
            [
                new BpfInstruction(0x15, 0x01, 3, 7),
                new BpfInstruction(0x18, 0x22, 0, 3),
                new BpfInstruction(0, 0, 0, 16),
                new BpfInstruction(0x05, 0, 0, 0),
                new BpfInstruction(0x95, 0, 0, 0),
            ],
            code.Complete());
    }

    [Fact]
    public void A_label_without_a_place_is_an_error()
    {
        var code = new BpfAssembler();
        code.Jump(code.NewLabel());
        Assert.Throws<InvalidOperationException>(code.Complete);
    }
}
