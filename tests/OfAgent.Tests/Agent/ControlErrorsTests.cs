using Softswitch.Datapath.Control;
using Softswitch.OfAgent.Agent;

namespace Softswitch.OfAgent.Tests.Agent;

public sealed class ControlErrorsTests
{
    [Fact]
    public void Every_refusal_of_the_datapath_has_an_error_of_its_own()
    {
        ControlError[] refusals = [.. Enum.GetValues<ControlError>().Where(e => e != ControlError.None)];

        Assert.Equal(refusals.Length, refusals.Select(ControlErrors.ToOfError).Distinct().Count());
    }

    [Fact]
    public void An_overlap_is_OFPFMFC_OVERLAP() => Assert.Equal("OFPFMFC_OVERLAP", ControlErrors.ToOfError(ControlError.Overlap).Name);
}
